import type { NewEvent } from '@plumbline/contracts';
import type { ChainedLog } from '../chain.ts';
import type { EventLog } from '../port.ts';
import { logHeadsStream, type LogSigner, type SignedHead } from '../signed-head.ts';

/**
 * Signs where the log ends and records that in the log. The event's id decides whether two who do it at the same time
 * are one. Undefined when nothing came after the last signed head.
 */
export async function signLog<Tx>(
  log: Pick<EventLog<Tx>, 'append'> & ChainedLog,
  signer: LogSigner,
  event: (data: SignedHead) => NewEvent<'LogHeadSigned', SignedHead>,
): Promise<SignedHead | undefined> {
  const { position, hash, generation } = await log.chainHead();
  const [last] = await log.readChain({ after: Math.max(0, position - 1), limit: 1 });
  if (last === undefined || last.stream === logHeadsStream) return undefined;
  const signed = signer.signHead({ position, hash: hash.toString('hex'), generation });
  const [recorded] = await log.append([{ stream: logHeadsStream, events: [event(signed)] }]);
  return recorded?.data as SignedHead;
}
