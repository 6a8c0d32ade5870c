import type { Databases } from '../sql/database.ts';
import { canary } from '../world/manifests.ts';
import { BrokenInvariant } from './broken-invariant.ts';

const forms = [canary, Buffer.from(canary).toString('base64').replace(/=+$/, '')];

/** The canary stands in Secrets and in the Applications that people declared; nowhere that is ours. */
export function noSecretIsSeen(databases: Databases, said: readonly string[]): void {
  for (const text of said) refuse(text, 'a message, blob, job or log line');
  const tables = databases.read<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables) {
    const [row] = databases.read<{ text: string | null }>(`select string_agg(t::text, ' ') as text from ${name} t`);
    refuse(row?.text ?? '', `table ${name}`);
  }
}

function refuse(text: string, where: string): void {
  const form = forms.find((each) => text.includes(each));
  if (form === undefined) return;
  const at = text.indexOf(form);
  throw new BrokenInvariant('no secret is seen', `${where} has it: …${text.slice(Math.max(0, at - 200), at + form.length)}…`);
}
