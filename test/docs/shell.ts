// Reads the shell lines of the pages: enough of the grammar to know which words are a command with its arguments.

/**
 * The simple commands of a text, in order, each as its words: quotes are taken off, comments, redirections and assignments
 * are left out, and what stands in `$(…)` or `<(…)` comes before as commands of its own. It knows no here-documents.
 */
export function simpleCommands(text: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  let i = 0;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    const command = withoutPrefix(words);
    if (command.length > 0) commands.push(command);
    words = [];
  };
  const add = (part: string): void => void (word = (word ?? '') + part);
  const substitution = (): void => {
    const end = closing(text, i + 1);
    commands.push(...simpleCommands(text.slice(i + 2, end)));
    add('$()');
    i = end + 1;
  };
  while (i < text.length) {
    const rest = text.slice(i);
    const single = /^'([^']*)'/.exec(rest);
    const redirection = /^\d?(?:>>|>|<)&?(?!\()\s*[^\s;&|)]+/.exec(rest);
    if (rest.startsWith('\\\n')) i += 2;
    else if (rest.startsWith('\\')) {
      add(rest.slice(1, 2));
      i += 2;
    } else if (single !== null) {
      add(single[1] ?? '');
      i += single[0].length;
    } else if (rest.startsWith('"')) {
      add('');
      i += 1;
      while (i < text.length && text[i] !== '"') {
        if (text.startsWith('$(', i)) substitution();
        else {
          if (text[i] === '\\') i += 1;
          add(text[i] ?? '');
          i += 1;
        }
      }
      i += 1;
    } else if (/^[$<]\(/.test(rest)) substitution();
    else if (word === undefined && rest.startsWith('#')) i += rest.split('\n')[0]?.length ?? 0;
    else if (redirection !== null && (word === undefined || /^\d$/.test(word))) {
      word = undefined;
      i += redirection[0].length;
    } else if (/^[\n;&|()]/.test(rest)) {
      endCommand();
      i += 1;
    } else if (/^\s/.test(rest)) {
      endWord();
      i += 1;
    } else {
      add(rest.slice(0, 1));
      i += 1;
    }
  }
  endCommand();
  return commands;
}

/** The index of the parenthesis that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i += 1) {
    if (text[i] === '(') depth += 1;
    if (text[i] === ')') depth -= 1;
    if (depth === 0) return i;
  }
  throw new Error(`a parenthesis is not closed: ${text.slice(open, open + 60)}`);
}

/** What the shell runs of the words: without assignments before it and without words such as `then`. */
function withoutPrefix(words: readonly string[]): string[] {
  const from = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !['{', '}', '!', 'if', 'then', 'else', 'fi', 'while', 'do', 'done', 'time', 'exec'].includes(word));
  return from < 0 ? [] : words.slice(from);
}
