/**
 * An error whose message is meant for the user: what happened, expected against got, and the fix.
 * The command line prints it without a stack trace.
 */
export class SlimError extends Error {
  override readonly name: string = 'SlimError';
}

/** The user asked for something that cannot be meant: a bad flag, value or file. Exit code 2. */
export class UsageError extends SlimError {
  override readonly name: string = 'UsageError';
}

/** What was asked for is possible and has no effect: nothing can be removed. Nothing is written. Exit code 3. */
export class UnchangedError extends SlimError {
  override readonly name: string = 'UnchangedError';
}
