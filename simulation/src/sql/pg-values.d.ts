/** How `pg` writes a parameter; its types leave this module out. */
declare module 'pg/lib/utils.js' {
  const utils: { prepareValue(value: unknown): string | Buffer | null };
  // eslint-disable-next-line import/no-default-export -- it is a CommonJS module
  export default utils;
}
