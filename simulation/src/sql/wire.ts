/** The few messages of PostgreSQL's protocol (version 3) that prepared statements with text values need. */
export interface Column {
  name: string;
  typeId: number;
}

export interface Answer {
  columns: Column[];
  rows: (string | null)[][];
  /** `SELECT 3`, `COMMIT` … */
  tag: string;
  error?: { code: string; message: string };
}

function message(type: string, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const sync = message('S');

export const simpleQuery = (sql: string): Buffer => message('Q', text(sql));

export const prepare = (name: string, sql: string): Buffer =>
  Buffer.concat([message('P', text(name), text(sql), int16(0)), message('D', Buffer.from('S'), text(name)), sync]);

export function execute(name: string, values: readonly (string | Buffer | null)[]): Buffer {
  const formats = values.map((value) => int16(Buffer.isBuffer(value) ? 1 : 0));
  const encoded = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
    return [int32(bytes.length), bytes];
  });
  const bind = message('B', text(''), text(name), int16(formats.length), ...formats, int16(values.length), ...encoded, int16(0));
  return Buffer.concat([bind, message('E', text(''), int32(0)), sync]);
}

/** Reads what the server said to one request. */
export function readAnswer(bytes: Uint8Array): Answer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const answer: Answer = { columns: [], rows: [], tag: '' };
  for (let at = 0; at < buffer.length;) {
    const type = String.fromCharCode(buffer[at]!);
    const end = at + 1 + buffer.readInt32BE(at + 1);
    const body = buffer.subarray(at + 5, end);
    if (type === 'T') answer.columns = readColumns(body);
    else if (type === 'D') answer.rows.push(readRow(body));
    else if (type === 'C') answer.tag = body.toString('utf8', 0, body.length - 1);
    else if (type === 'E') answer.error ??= readError(body);
    at = end;
  }
  return answer;
}

function readColumns(body: Buffer): Column[] {
  const columns: Column[] = [];
  let at = 2;
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const end = body.indexOf(0, at);
    columns.push({ name: body.toString('utf8', at, end), typeId: body.readInt32BE(end + 7) });
    at = end + 19;
  }
  return columns;
}

function readRow(body: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 2;
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

function readError(body: Buffer): { code: string; message: string } {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field[0], field.slice(1)]),
  );
  return { code: fields.get('C') ?? 'XX000', message: fields.get('M') ?? 'unknown' };
}
