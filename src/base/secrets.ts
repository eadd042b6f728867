/** A text without the users, passwords and parameters of the addresses in it. */
export function withoutSecrets(text: string): string {
  return text.replace(/\b((?:rediss?|postgres(?:ql)?):\/\/)(?:[^\s/@]*@)?([^\s?#]*)(?:[?#]\S*)?/g, '$1$2');
}
