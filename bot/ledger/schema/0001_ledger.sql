-- The ledger. Amounts are whole numbers in the smallest unit, ids are TEXT unless they are ours, times are Unix
-- milliseconds. Rows of batches, awards, attempts and events are never deleted; only the columns that the triggers
-- below leave open ever change.

CREATE TABLE ledger (
  only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
  id         TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  practice   INTEGER NOT NULL CHECK (practice IN (0, 1))
) STRICT;

-- Uploaded files as they came (zlib), so that the result file can repeat the original columns.
CREATE TABLE files (
  sha256  TEXT PRIMARY KEY,
  size    INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;

CREATE TABLE drafts (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  state        TEXT NOT NULL CHECK (state IN ('reading', 'ready', 'refused', 'recorded', 'cancelled')),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  source       TEXT NOT NULL CHECK (source IN ('award', 'file', 'paste', 'retry', 'undo', 'cli', 'history')),
  server_id    TEXT,
  actor_id     TEXT NOT NULL,
  actor_name   TEXT NOT NULL,
  programme    TEXT NOT NULL,
  kind         TEXT NOT NULL,
  account      TEXT NOT NULL,
  currency     TEXT,
  unit         TEXT NOT NULL CHECK (unit IN ('points', 'money')),
  template     TEXT,
  reason       TEXT,
  label        TEXT,
  file_name    TEXT,
  file_sha256  TEXT REFERENCES files (sha256),
  parent_id    INTEGER REFERENCES batches (id),
  request      TEXT NOT NULL DEFAULT '{}',  -- JSON: how the file was read, so that it can be read the same way again
  summary      TEXT NOT NULL DEFAULT '{}',  -- JSON: facts, totals, warnings, refusal as shown
  content_hash TEXT,                        -- of what would be recorded; a confirmation is bound to it
  revision     INTEGER NOT NULL DEFAULT 0,  -- counts changes of the rows: a hash is stored only for the rows it was made of
  batch_id     INTEGER REFERENCES batches (id),
  CHECK ((state = 'recorded') = (batch_id IS NOT NULL)),
  CHECK ((state IN ('ready', 'refused')) <= (content_hash IS NOT NULL))
) STRICT;
CREATE INDEX drafts_by_file ON drafts (file_sha256) WHERE file_sha256 IS NOT NULL;

-- Checked good rows, merged as asked. Not claimable, not counted, purged with their draft.
CREATE TABLE draft_rows (
  draft_id         INTEGER NOT NULL REFERENCES drafts (id) ON DELETE CASCADE,
  line             INTEGER NOT NULL,
  lines            TEXT,              -- JSON array; NULL means this line alone
  amounts          TEXT,              -- JSON array: what each of the lines says; NULL: no more than amount
  recipient_type   TEXT NOT NULL,
  recipient_value  TEXT NOT NULL,
  recipient_source TEXT,
  key              TEXT NOT NULL,
  target           TEXT,              -- what would be sent; NULL until resolved
  amount           INTEGER NOT NULL CHECK (amount <> 0),
  reason           TEXT,
  continues        INTEGER REFERENCES awards (id),
  unresolved       TEXT,              -- why there is no target: becomes a rejected award
  reverses         INTEGER REFERENCES awards (id),
  PRIMARY KEY (draft_id, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX draft_rows_continuing ON draft_rows (draft_id, continues) WHERE continues IS NOT NULL;

CREATE TABLE draft_problems (
  draft_id INTEGER NOT NULL REFERENCES drafts (id) ON DELETE CASCADE,
  line     INTEGER NOT NULL,
  ordinal  INTEGER NOT NULL,
  column   TEXT,
  kind     TEXT NOT NULL,
  message  TEXT NOT NULL,
  PRIMARY KEY (draft_id, line, ordinal)
) STRICT, WITHOUT ROWID;

-- Original lines that become no award and are no problem: nothing to pay, paid before by their award id.
CREATE TABLE draft_left_out (
  draft_id INTEGER NOT NULL REFERENCES drafts (id) ON DELETE CASCADE,
  line     INTEGER NOT NULL,
  detail   TEXT NOT NULL,
  award_id INTEGER REFERENCES awards (id),
  PRIMARY KEY (draft_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
  id           INTEGER PRIMARY KEY,
  draft_id     INTEGER NOT NULL UNIQUE,  -- a draft becomes a batch once
  source       TEXT NOT NULL CHECK (source IN ('award', 'file', 'paste', 'retry', 'undo', 'cli', 'history')),
  state        TEXT NOT NULL CHECK (state IN ('open', 'paused', 'stopped', 'finished')),
  pause_kind   TEXT,
  pause_detail TEXT,
  recorded_at  INTEGER NOT NULL,
  starts_at    INTEGER NOT NULL,
  finished_at  INTEGER,
  server_id    TEXT,
  actor_id     TEXT NOT NULL,
  actor_name   TEXT NOT NULL,
  programme    TEXT NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('drip-credentials', 'drip-members', 'gameball')),
  account      TEXT NOT NULL,
  currency     TEXT,
  unit         TEXT NOT NULL CHECK (unit IN ('points', 'money')),
  template     TEXT,
  reason       TEXT,
  label        TEXT,
  file_name    TEXT,
  file_sha256  TEXT REFERENCES files (sha256),
  parent_id    INTEGER REFERENCES batches (id),
  request      TEXT NOT NULL,            -- JSON: how the file was read
  -- JSON: what the person who confirmed decided (good rows only, again, …), and who prepared and approved it. The two
  -- names can be blanked, each by itself.
  choice       TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  awards       INTEGER NOT NULL,
  total        INTEGER NOT NULL,
  first_award  INTEGER NOT NULL,         -- awards of a batch have ids without a gap: first_award .. last_award
  last_award   INTEGER NOT NULL,
  last_lot     INTEGER NOT NULL,         -- the highest lot ever given to one of its awards
  CHECK ((state = 'paused') = (pause_kind IS NOT NULL)),
  CHECK (last_award - first_award + 1 = awards)
) STRICT;
CREATE INDEX batches_by_server ON batches (server_id, id);
CREATE INDEX batches_by_state ON batches (state);
CREATE INDEX batches_by_parent ON batches (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX batches_by_file ON batches (file_sha256) WHERE file_sha256 IS NOT NULL;

-- Rows that were left out of a batch, so that its result file has one line per original row, with its reason.
CREATE TABLE left_out (
  batch_id INTEGER NOT NULL REFERENCES batches (id),
  line     INTEGER NOT NULL,
  detail   TEXT NOT NULL,
  status   TEXT NOT NULL DEFAULT 'not sent' CHECK (status IN ('not sent', 'no award')),
  award_id INTEGER REFERENCES awards (id),  -- the award that the row's award id stands for: it is told instead
  PRIMARY KEY (batch_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  id          INTEGER PRIMARY KEY,
  batch_id    INTEGER NOT NULL REFERENCES batches (id),
  state       TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'closed')),
  claimed_at  INTEGER NOT NULL,
  closed_at   INTEGER,
  token       TEXT NOT NULL UNIQUE,
  awards      TEXT NOT NULL,             -- JSON array of award ids, in the order of the call
  body_sha256 TEXT NOT NULL,
  verdict     TEXT CHECK (verdict IN ('applied', 'rejected', 'not-sent', 'unknown', 'accepted', 'mixed', 'refused-whole',
                                      'interrupted', 'decided', 'testified')),
  http_status INTEGER,
  request_id  TEXT,
  detail      TEXT,
  evidence    TEXT,                      -- JSON: what left the process
  -- JSON: what was known before the call, to judge a doubt by later. Of a testimony (a result file of a lost ledger,
  -- which stands for calls that were made there): the awards' ids there.
  expectation TEXT,
  job_id      TEXT,
  accepted_at INTEGER,
  polls       INTEGER NOT NULL DEFAULT 0,
  stop_asked_at INTEGER,                 -- when the service was first asked to stop the job
  CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CHECK ((state = 'open') <= (verdict IS NULL)),
  CHECK ((state = 'accepted') <= (job_id IS NOT NULL)),
  CHECK (stop_asked_at IS NULL OR job_id IS NOT NULL)
) STRICT;
CREATE INDEX attempts_unfinished ON attempts (state) WHERE state = 'open' OR state = 'accepted';
CREATE INDEX attempts_by_batch ON attempts (batch_id);
-- Whether an answer names the job of an earlier call.
CREATE INDEX attempts_by_job ON attempts (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE awards (
  id               INTEGER PRIMARY KEY,
  batch_id         INTEGER NOT NULL REFERENCES batches (id),
  line             INTEGER NOT NULL,
  lines            TEXT,
  amounts          TEXT,                            -- of each row that became it, so that each is known when it comes again
  recipient_type   TEXT NOT NULL,
  recipient_value  TEXT NOT NULL,
  recipient_source TEXT,
  key              TEXT NOT NULL,
  target           TEXT,
  amount           INTEGER NOT NULL CHECK (amount <> 0),
  reason           TEXT,
  continues        INTEGER REFERENCES awards (id),
  reverses         INTEGER REFERENCES awards (id),  -- the award that this one takes back
  -- Lists of at most two here and below: for a longer one SQLite builds a table, anew for every row.
  state            TEXT NOT NULL CHECK (
                     state IN ('planned', 'sending') OR state IN ('applied', 'rejected')
                     OR state IN ('unknown', 'cancelled') OR state = 'written-off'),
  lot              INTEGER NOT NULL DEFAULT 0,  -- awards of different lots never share a call
  attempts         INTEGER NOT NULL DEFAULT 0,
  attempt_id       INTEGER REFERENCES attempts (id),
  detail           TEXT,
  balance          INTEGER,
  changed_at       INTEGER NOT NULL,
  CHECK ((state <> 'rejected') <= (target IS NOT NULL)),
  CHECK (attempt_id IS NOT NULL OR state IN ('planned', 'rejected') OR state = 'cancelled')
) STRICT;
-- What to claim next. What is in flight is told by the attempts that are not closed.
CREATE INDEX awards_planned ON awards (batch_id, lot, id) WHERE state = 'planned';
-- Nothing is sent to a recipient with a doubt, however that recipient is named.
CREATE INDEX awards_in_doubt ON awards (key) WHERE state = 'unknown';
CREATE INDEX awards_in_doubt_by_target ON awards (target) WHERE state = 'unknown';
CREATE INDEX awards_in_doubt_by_batch ON awards (batch_id, id) WHERE state = 'unknown';
-- What a retry can take up.
CREATE INDEX awards_rejected ON awards (batch_id, id) WHERE state = 'rejected';
-- Paying twice by habit is caught row by row.
CREATE INDEX awards_by_key ON awards (key);
-- Where the target is what the row said, the key tells it; that spares credentials an index.
CREATE INDEX awards_by_target ON awards (target) WHERE target <> recipient_value;
-- Retries and continuations of one award form a chain, never a tree: each is continued once, by the next one. With the
-- trigger below (only what was not paid can be continued) at most one of a chain is under way or paid.
CREATE UNIQUE INDEX awards_one_successor ON awards (continues) WHERE continues IS NOT NULL;

CREATE TRIGGER awards_move AFTER UPDATE OF state ON awards
WHEN NEW.state <> OLD.state AND NOT (
  (OLD.state = 'planned' AND NEW.state IN ('sending', 'cancelled'))
  OR (OLD.state = 'sending' AND (NEW.state IN ('applied', 'rejected') OR NEW.state IN ('unknown', 'planned')))
  OR (OLD.state = 'unknown' AND (NEW.state IN ('applied', 'rejected') OR NEW.state IN ('planned', 'written-off')
                                 OR NEW.state = 'sending')))
BEGIN
  SELECT RAISE(ABORT, 'illegal move of an award');
END;

CREATE TRIGGER awards_begin BEFORE INSERT ON awards
WHEN NEW.state NOT IN ('planned', 'rejected')
  OR (NEW.continues IS NOT NULL
      AND (SELECT state FROM awards WHERE id = NEW.continues) NOT IN ('rejected', 'cancelled'))
BEGIN
  SELECT CASE WHEN NEW.state NOT IN ('planned', 'rejected')
    THEN RAISE(ABORT, 'an award begins planned or rejected')
    ELSE RAISE(ABORT, 'an award that is paid, under way, in doubt or written off is not continued')
  END;
END;

CREATE TRIGGER awards_fixed BEFORE UPDATE OF
  id, batch_id, line, lines, amounts, recipient_type, recipient_value, recipient_source, key, target, amount, continues,
  reverses
ON awards
BEGIN
  SELECT RAISE(ABORT, 'an award is never edited');
END;

CREATE TRIGGER batches_move BEFORE UPDATE OF state ON batches
WHEN NEW.state <> OLD.state AND NOT (
  (OLD.state IN ('open', 'paused') AND NEW.state IN ('open', 'paused', 'stopped', 'finished'))
  OR (OLD.state = 'finished' AND (NEW.state = 'open' OR NEW.state = 'stopped')))
BEGIN
  SELECT RAISE(ABORT, 'illegal move of a batch');
END;

CREATE TRIGGER batches_fixed BEFORE UPDATE OF
  id, draft_id, source, recorded_at, server_id, actor_id, programme, kind, account, currency, unit, template, label, file_name,
  file_sha256, parent_id, request, content_hash, awards, total, first_award, last_award
ON batches
BEGIN
  SELECT RAISE(ABORT, 'a batch is never edited');
END;

-- Words can be blanked on request (bot/ledger/blanking.py), and not edited.
CREATE TRIGGER awards_words BEFORE UPDATE OF reason ON awards
WHEN NEW.reason IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'an award is never edited');
END;

CREATE TRIGGER batches_words BEFORE UPDATE OF actor_name, reason, choice ON batches
WHEN NEW.actor_name NOT IN ('', OLD.actor_name) OR (NEW.reason IS NOT NULL AND NEW.reason IS NOT OLD.reason)
  OR json_remove(NEW.choice, '$.prepared_by', '$.approved_by') <> json_remove(OLD.choice, '$.prepared_by', '$.approved_by')
  OR coalesce(NEW.choice ->> 'prepared_by', OLD.choice ->> 'prepared_by') IS NOT OLD.choice ->> 'prepared_by'
  OR coalesce(NEW.choice ->> 'approved_by', OLD.choice ->> 'approved_by') IS NOT OLD.choice ->> 'approved_by'
BEGIN
  SELECT RAISE(ABORT, 'a batch is never edited');
END;

CREATE TRIGGER attempts_move BEFORE UPDATE OF state ON attempts
WHEN NEW.state <> OLD.state AND NOT (
  (OLD.state = 'open' AND NEW.state IN ('accepted', 'closed'))
  OR (OLD.state = 'accepted' AND NEW.state = 'closed'))
BEGIN
  SELECT RAISE(ABORT, 'illegal move of an attempt');
END;

CREATE TRIGGER attempts_fixed BEFORE UPDATE OF id, batch_id, claimed_at, token, awards, body_sha256, expectation ON attempts
BEGIN
  SELECT RAISE(ABORT, 'an attempt is never edited');
END;

CREATE TRIGGER awards_kept BEFORE DELETE ON awards BEGIN SELECT RAISE(ABORT, 'awards are kept'); END;
CREATE TRIGGER batches_kept BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'batches are kept'); END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are kept'); END;
CREATE TRIGGER left_out_fixed BEFORE UPDATE ON left_out BEGIN SELECT RAISE(ABORT, 'left-out rows are kept'); END;
CREATE TRIGGER left_out_kept BEFORE DELETE ON left_out BEGIN SELECT RAISE(ABORT, 'left-out rows are kept'); END;
CREATE TRIGGER ledger_fixed BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger keeps its id'); END;
CREATE TRIGGER ledger_kept BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger keeps its id'); END;

-- Everything a person or the program did to the ledger, in order: a chain of hashes (bot/ledger/events.py). The first
-- columns and the hash before them make an entry's hash; actor_name and detail enter it as a salted hash only (words), so
-- that they, together with the salt, can be blanked.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,  -- so that SQLite remembers the highest one ever given
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  server_id  TEXT,
  batch_id   INTEGER REFERENCES batches (id),
  award_id   INTEGER REFERENCES awards (id),
  attempt_id INTEGER REFERENCES attempts (id),
  actor_id   TEXT,
  facts      TEXT NOT NULL,                      -- JSON: what verify replays
  words      TEXT,
  hash       BLOB NOT NULL,
  actor_name TEXT,
  detail     TEXT NOT NULL,                      -- JSON: what people read
  salt       BLOB
) STRICT;
CREATE INDEX events_by_batch ON events (batch_id) WHERE batch_id IS NOT NULL;
-- What people are shown of a batch: without the two entries of every call.
CREATE INDEX events_told ON events (batch_id) WHERE attempt_id IS NULL;
-- A batch by its receipt code, which is how its hash begins.
CREATE INDEX events_by_code ON events (hash) WHERE kind = 'batch-recorded';
-- Which day's head was posted last in a server.
CREATE INDEX events_of_heads ON events (server_id, seq) WHERE kind = 'head-posted';
CREATE TRIGGER events_fixed BEFORE UPDATE OF
  seq, at, kind, server_id, batch_id, award_id, attempt_id, actor_id, facts, words, hash
ON events
BEGIN
  SELECT RAISE(ABORT, 'events are kept');
END;
CREATE TRIGGER events_blanked BEFORE UPDATE OF actor_name, detail, salt ON events
WHEN NEW.actor_name IS NOT NULL OR NEW.detail <> '{}' OR NEW.salt IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'events are kept: their words can only be blanked, all at once');
END;
CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are kept'); END;

CREATE TABLE server_settings (
  server_id  TEXT NOT NULL,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,              -- JSON
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (server_id, name)
) STRICT, WITHOUT ROWID;

-- Where a batch's progress and result stand in Discord.
CREATE TABLE boards (
  batch_id   INTEGER PRIMARY KEY REFERENCES batches (id),
  channel_id TEXT NOT NULL,
  message_id TEXT,
  closed     INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1)) -- 1: totals and result file are posted
) STRICT;

-- Members found at Drip, with the age of the finding.
CREATE TABLE members (
  account  TEXT NOT NULL,
  key      TEXT NOT NULL,
  drip_id  TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- --- taking back ---------------------------------------------------------------------------------------------------

-- An award is taken back at most once; a reversal that was refused or never sent leaves room for another. One that was
-- written off may have landed, so it leaves none.
CREATE UNIQUE INDEX awards_reversed_once ON awards (reverses)
  WHERE reverses IS NOT NULL AND state NOT IN ('rejected', 'cancelled');

-- Only what landed is taken back, never more of it than landed, from whom it went to; a reversal is never reversed.
CREATE TRIGGER awards_reverse BEFORE INSERT ON awards
WHEN NEW.reverses IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM awards o WHERE o.id = NEW.reverses AND o.state = 'applied' AND o.reverses IS NULL
    AND o.key = NEW.key AND o.target IS NEW.target
    AND (o.amount > 0) <> (NEW.amount > 0) AND abs(NEW.amount) <= abs(o.amount))
BEGIN
  SELECT RAISE(ABORT, 'this award cannot be taken back');
END;

-- A refused reversal is tried again by another undo only: as a plain award it would no longer count as one.
CREATE TRIGGER awards_reversal_not_continued BEFORE INSERT ON awards
WHEN NEW.continues IS NOT NULL AND (SELECT reverses FROM awards WHERE id = NEW.continues) IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'a reversal is not continued');
END;

-- --- settling doubts by evidence -----------------------------------------------------------------------------------

-- A currency at an account, so that balances need not repeat both.
CREATE TABLE purses (
  id       INTEGER PRIMARY KEY,
  account  TEXT NOT NULL,
  currency TEXT NOT NULL,
  UNIQUE (account, currency)
) STRICT;

-- What a recipient had when that was last told. NULL: not told yet, or an award went there since, and how it ended or
-- what it left is not known. A cache: whatever is missing here only makes a doubt harder to settle.
CREATE TABLE balances (
  id       INTEGER PRIMARY KEY,          -- in the order of the batch that met them first, see bot/ledger/_balances.py
  purse_id INTEGER NOT NULL REFERENCES purses (id),
  holder   TEXT NOT NULL,
  balance  INTEGER,
  at       INTEGER NOT NULL,
  absent   INTEGER NOT NULL DEFAULT 0 CHECK (absent IN (0, 1)),  -- 1: it holds nothing because nobody is there
  UNIQUE (purse_id, holder)
) STRICT;

-- Gameball: the newest transaction that is known to have been listed, by account.
CREATE TABLE marks (
  account        TEXT PRIMARY KEY,
  transaction_id INTEGER NOT NULL,
  read_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often evidence about an attempt was looked for, and what was found last.
CREATE TABLE looks (
  attempt_id INTEGER PRIMARY KEY REFERENCES attempts (id),
  looks      INTEGER NOT NULL,
  looked_at  INTEGER NOT NULL,
  left_for   TEXT CHECK (left_for IN ('unclear', 'unread')),  -- why no further look is planned; a person decides
  findings   TEXT NOT NULL              -- JSON by award: judgement, detail, and the numbers behind it
) STRICT;

-- Places of the operator in which calls leave a trace (bot/domain/lanes.py), set up by the operator. A lane has one call
-- at a time, from its claim until it is known what became of it. Not proved by verify: the service's balances are.
CREATE TABLE lanes (
  id             INTEGER PRIMARY KEY,
  account        TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('ring', 'witness', 'twins')),
  places         TEXT NOT NULL,               -- JSON: [holder, currency] of each
  held           TEXT NOT NULL,               -- JSON: what each place holds between two calls
  dead_at        TEXT NOT NULL,               -- JSON by place: from when on nothing can spend from it any more
  trouble        TEXT,                        -- why it carries no call until the operator has looked
  attempt_id     INTEGER UNIQUE REFERENCES attempts (id),  -- the call that has it
  lost           INTEGER NOT NULL DEFAULT 0,  -- its sends without an answer, the one under way included
  lost_until     INTEGER NOT NULL DEFAULT 0,  -- from when on none of them can be alive
  refused        INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1)),
  again          INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1)),  -- it is being sent again out of a doubt
  UNIQUE (account, kind, places)
) STRICT;

-- --- emergency stop ------------------------------------------------------------------------------------------------

-- While a row is not released, nothing of its server is recorded, resumed or claimed.
CREATE TABLE halts (
  id               INTEGER PRIMARY KEY,
  server_id        TEXT NOT NULL,
  at               INTEGER NOT NULL,
  by_id            TEXT NOT NULL,
  by_name          TEXT NOT NULL,
  reason           TEXT NOT NULL,
  released_at      INTEGER,
  released_by_id   TEXT,
  released_by_name TEXT,
  release_reason   TEXT,
  CHECK ((released_at IS NULL) = (released_by_id IS NULL)),
  CHECK ((released_at IS NULL) = (release_reason IS NULL))
) STRICT;
CREATE UNIQUE INDEX halts_in_force ON halts (server_id) WHERE released_at IS NULL;
CREATE TRIGGER halts_fixed BEFORE UPDATE OF id, server_id, at, by_id ON halts
BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;
CREATE TRIGGER halts_over BEFORE UPDATE OF released_at, released_by_id ON halts WHEN OLD.released_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;
CREATE TRIGGER halts_words BEFORE UPDATE OF by_name, reason ON halts WHEN NEW.by_name <> '' OR NEW.reason <> ''
BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;
CREATE TRIGGER halts_over_words BEFORE UPDATE OF released_by_name, release_reason ON halts
WHEN OLD.released_at IS NOT NULL AND (NEW.released_by_name <> '' OR NEW.release_reason <> '')
BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;
CREATE TRIGGER halts_kept BEFORE DELETE ON halts BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;

-- --- budgets -------------------------------------------------------------------------------------------------------

-- What a person, or each person with a role, may give in a calendar period. Spending is counted from the awards.
CREATE TABLE budgets (
  server_id  TEXT NOT NULL,
  holder     TEXT NOT NULL CHECK (holder GLOB 'user:[0-9]*' OR holder GLOB 'role:[0-9]*'),
  period     TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
  amount     TEXT NOT NULL,              -- as written; read in the programme's unit
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (server_id, holder, period)
) STRICT, WITHOUT ROWID;

-- --- what the services were found to do (doctor --probe) -----------------------------------------------------------

-- Answers to what the documentation leaves open, by account and kind of programme. Facts of their date, replaced by the
-- next probe.
CREATE TABLE capabilities (
  account   TEXT NOT NULL,
  kind      TEXT NOT NULL CHECK (kind IN ('drip-credentials', 'drip-members', 'gameball')),
  name      TEXT NOT NULL,
  value     TEXT NOT NULL,
  evidence  TEXT NOT NULL,               -- JSON: what was sent and seen
  probed_at INTEGER NOT NULL,
  PRIMARY KEY (account, kind, name)
) STRICT, WITHOUT ROWID;

-- Test calls: what was going to be sent before it left, what came of it afterwards. A row without an end is a call
-- that nobody saw the end of.
CREATE TABLE probes (
  id       INTEGER PRIMARY KEY,
  account  TEXT NOT NULL,
  kind     TEXT NOT NULL CHECK (kind IN ('drip-credentials', 'drip-members', 'gameball')),
  name     TEXT NOT NULL,                -- the question, or which question's call it takes back
  rows     TEXT NOT NULL,                -- JSON: [holder, currency, amount] of each row
  sent_at  INTEGER NOT NULL,
  ended_at INTEGER,
  fate     TEXT CHECK (fate IN ('done', 'refused', 'not-sent', 'unclear')),
  answer   TEXT,                         -- JSON: status, words, balances
  CHECK ((ended_at IS NULL) = (fate IS NULL)),
  CHECK ((ended_at IS NULL) = (answer IS NULL))
) STRICT;
CREATE INDEX probes_open ON probes (account) WHERE ended_at IS NULL;
CREATE TRIGGER probes_fixed BEFORE UPDATE OF id, account, kind, name, rows, sent_at ON probes
BEGIN SELECT RAISE(ABORT, 'test calls are kept'); END;
CREATE TRIGGER probes_over BEFORE UPDATE ON probes WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'test calls are kept'); END;
CREATE TRIGGER probes_kept BEFORE DELETE ON probes BEGIN SELECT RAISE(ABORT, 'test calls are kept'); END;

-- --- leave by a second person --------------------------------------------------------------------------------------

-- Bound to what a draft was when it was asked for, and to the decisions about its rows. Drafts are purged, these are not.
CREATE TABLE approvals (
  id              INTEGER PRIMARY KEY,
  server_id       TEXT NOT NULL,
  draft_id        INTEGER NOT NULL,
  content_hash    TEXT NOT NULL,
  label           TEXT,
  flags           TEXT NOT NULL,
  matches         TEXT NOT NULL,         -- which earlier awards are paid again, where that was decided; else empty
  why             TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('asked', 'approved', 'refused', 'replaced', 'used')),
  asked_at        INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  prepared_by_id  TEXT NOT NULL,
  asked_by_id     TEXT NOT NULL,
  asked_by_name   TEXT NOT NULL,
  decided_at      INTEGER,
  decided_by_id   TEXT,
  decided_by_name TEXT,
  batch_id        INTEGER UNIQUE REFERENCES batches (id),
  CHECK (state NOT IN ('approved', 'refused', 'used') OR decided_by_id IS NOT NULL),
  CHECK (state NOT IN ('approved', 'used') OR decided_by_id NOT IN (prepared_by_id, asked_by_id)),
  CHECK ((state = 'used') = (batch_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX approvals_open ON approvals (draft_id) WHERE state IN ('asked', 'approved');
CREATE INDEX approvals_by_draft ON approvals (draft_id);
CREATE TRIGGER approvals_move BEFORE UPDATE OF state ON approvals
WHEN NOT ((OLD.state = 'asked' AND NEW.state IN ('approved', 'refused', 'replaced'))
  OR (OLD.state = 'approved' AND NEW.state IN ('used', 'replaced')))
BEGIN SELECT RAISE(ABORT, 'illegal move of an approval'); END;
CREATE TRIGGER approvals_fixed BEFORE UPDATE OF
  id, server_id, draft_id, content_hash, label, flags, matches, why, asked_at, expires_at, prepared_by_id, asked_by_id
ON approvals
BEGIN SELECT RAISE(ABORT, 'an approval is never edited'); END;
CREATE TRIGGER approvals_words BEFORE UPDATE OF asked_by_name ON approvals WHEN NEW.asked_by_name <> ''
BEGIN SELECT RAISE(ABORT, 'an approval is never edited'); END;
CREATE TRIGGER approvals_kept BEFORE DELETE ON approvals BEGIN SELECT RAISE(ABORT, 'approvals are kept'); END;

-- --- restored from a copy, or found to be one ----------------------------------------------------------------------

-- While a row is not signed off, nothing is recorded, resumed or claimed: what happened after the copy is missing here.
CREATE TABLE restorations (
  id          INTEGER PRIMARY KEY,
  restored_at INTEGER NOT NULL,
  copied_at   INTEGER NOT NULL,  -- the newest entry of the copy's history
  why         TEXT NOT NULL CHECK (why IN ('restored', 'older', 'superseded', 'stranger')),
  signed_at   INTEGER,
  signed_by   TEXT,
  CHECK ((signed_at IS NULL) = (signed_by IS NULL))
) STRICT;
CREATE TRIGGER restorations_fixed BEFORE UPDATE ON restorations
WHEN (OLD.signed_at IS NOT NULL AND (NEW.signed_at IS NOT OLD.signed_at OR NEW.signed_by <> '')) OR NEW.id <> OLD.id OR NEW.restored_at <> OLD.restored_at OR NEW.copied_at <> OLD.copied_at
  OR NEW.why <> OLD.why
BEGIN SELECT RAISE(ABORT, 'restorations are kept'); END;
CREATE TRIGGER restorations_kept BEFORE DELETE ON restorations BEGIN SELECT RAISE(ABORT, 'restorations are kept'); END;
