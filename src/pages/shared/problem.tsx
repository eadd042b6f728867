/** What went wrong, said aloud by a screen reader. */
export function Problem({ message }: { message: string }) {
  return (
    <p role="alert" class="problem">
      {message}
    </p>
  );
}
