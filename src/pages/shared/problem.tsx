/** What went wrong, said aloud by a screen reader. */
export function Problem({ message }: { message: string }) {
  return (
    <p role="alert" class="problem">
      {message}
    </p>
  );
}

/** What a caught error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
