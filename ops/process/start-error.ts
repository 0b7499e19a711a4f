/**
 * A refusal to start that the operator can mend: a bad setting, a taken port, a locked folder. The
 * message is one whole sentence for standard error; no stack is shown.
 */
export class StartError extends Error {
  constructor(sentence: string, cause?: unknown) {
    super(sentence, { cause });
    this.name = 'StartError';
  }
}
