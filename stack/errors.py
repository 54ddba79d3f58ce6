"""What goes wrong while the stack is brought up, as one sentence that says what to do."""


class StackError(Exception):
    """Something that a person can mend; its text is the message and ends with the way out."""


class StartFailed(StackError):
    """A program ended, or never became ready, while it was started; the text ends with the last lines of its log."""
