"""The real program on virtual time, among services that misbehave; judged by what those services really did."""
