/** A script that completes `ringpost admin` in a shell. */
import { UsageError } from '../options.ts';
import { connectOptions } from './connect.ts';
import { watchOptions } from './watch.ts';

type Nouns = { readonly [noun: string]: { readonly verbs?: readonly string[] } | undefined };

/** To be put into `eval "$(ringpost admin completion bash)"`. */
export function completion(shell: string | undefined, nouns: Nouns): string {
  if (shell !== 'bash') throw new UsageError('For which shell? ringpost admin completion bash');
  const options = [
    ...Object.keys(connectOptions),
    'limit',
    'partition',
    'wait',
    'noted',
    'all',
    'from',
    ...Object.keys(watchOptions),
    'help',
  ].map((name) => `--${name}`);
  const verbs = Object.entries(nouns).flatMap(([noun, known]) =>
    known?.verbs === undefined ? [] : [`      ${noun}) words="${known.verbs.join(' ')}" ;;`],
  );
  return `_ringpost_admin() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  [ "\${COMP_WORDS[1]}" = admin ] || return
  if [[ "$current" == -* ]]; then
    words="${options.join(' ')}"
  elif [ "$COMP_CWORD" -eq 2 ]; then
    words="${[...Object.keys(nouns), 'completion'].join(' ')}"
  else
    case "\${COMP_WORDS[2]}" in
${verbs.join('\n')}
      completion) words="bash" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ringpost_admin ringpost`;
}
