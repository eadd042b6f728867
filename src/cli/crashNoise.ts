/** How native code begins to speak when it ends its process. */
const beginnings = [
  /^terminate called/,
  /^libc\+\+abi: /,
  /^Assertion failed/,
  /^\S*: .*: Assertion `/,
  /^(?:free|malloc|realloc|munmap_chunk|corrupted|double free)\b/,
  /^\*\*\* /,
  /^<--- Last few GCs/,
  /^FATAL ERROR: /,
  /^#$/,
  /^# Fatal error/,
];

/** The error output of a process: passed on line by line, but for the last words of one that crashes. */
export class CrashNoise {
  private readonly write: (text: string) => void;
  private partial = '';
  private held = '';
  private isHolding = false;

  constructor(write: (text: string) => void) {
    this.write = write;
  }

  /** What was kept back. */
  get text(): string {
    return this.held;
  }

  add(text: string): void {
    const lines = (this.partial + text).split('\n');
    this.partial = lines.pop()!;
    for (const line of lines) this.line(`${line}\n`);
  }

  /** The process has ended; if it did not crash, nothing is kept back. */
  end(hasCrashed: boolean): void {
    if (this.partial !== '') this.line(this.partial);
    this.partial = '';
    if (!hasCrashed) this.write(this.held);
  }

  private line(line: string): void {
    this.isHolding ||= beginnings.some((pattern) => pattern.test(line.trimEnd()));
    if (this.isHolding) this.held += line;
    else this.write(line);
  }
}
