import { AppError } from '@plumbline/contracts';

/** Credentials were named and can't be had now: a file is missing, a plugin fails. */
export const noCredentials = (cause: unknown, source: string): AppError =>
  new AppError('unauthenticated', `${source} gives no usable credentials: ${firstLine(cause)}`, { retry: 'later', cause });

/** @throws AppError `unsupported` */
export function assertProxy(proxyUrl: string, source: string): void {
  if (!/^https?:/.test(proxyUrl))
    throw new AppError('unsupported', `${source} wants the proxy ${new URL(proxyUrl).protocol}: only http and https proxies are supported`);
}

export const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/\n.*/s, '');
