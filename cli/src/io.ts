/** The process around it. */
export interface CliIo {
  env: Readonly<Record<string, string | undefined>>;
  out(line: string): void;
  err(line: string): void;
}

/** Says no: what was asked about is not as it should be. */
export const exitNo = 1;
