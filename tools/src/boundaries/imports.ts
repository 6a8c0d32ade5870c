/**
 * Finds what a TypeScript file imports, by pattern: the sources are formatted by one formatter and TypeScript 7 has no
 * JavaScript interface. Strings that look like imports are the only thing it may get wrong, and then it complains.
 */
export function importsIn(text: string): string[] {
  const code = withoutComments(text);
  const found = new Set<string>();
  for (const pattern of [/^\s*(?:import|export)\s[^'";]*?\sfrom\s+['"]([^'"]+)['"]/gm, /^\s*import\s+['"]([^'"]+)['"]/gm, /\bimport\(\s*['"]([^'"]+)['"]/g]) {
    for (const match of code.matchAll(pattern)) found.add(match[1] ?? '');
  }
  return [...found];
}

/** Comments blanked. A `//` inside a string is left alone when something precedes it that is not a space (`http://`). */
export function withoutComments(text: string): string {
  return text.replace(/\/\*\*?\s[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** `@Module(` and the like at the start of a line, as the formatter puts decorators of classes and members; `@Inject(` of parameters too. */
export function decoratorsIn(code: string): string[] {
  return [...code.matchAll(/(?:^|[(,])\s*(@[A-Z]\w*)\(/gm)].map((match) => match[1] ?? '');
}
