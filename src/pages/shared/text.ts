/** A text in which no line breaks between a number and its unit or a sign: 1.4 MB, 48 + 21, 0.5 points. */
export function unbroken(text: string): string {
  return text.replace(/(?<=\d) (?=\S)/g, '\u00a0').replace(/(?<=[+→×]) (?=\d)/g, '\u00a0');
}

/** A moment as lists have it, in the person's own time: 2026-11-30 14:05. */
export function moment(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
