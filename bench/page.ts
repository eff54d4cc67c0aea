// results.md, a section for each kind of run: what was not run keeps what it said.

/** The page with what stands under `## heading` replaced; a new section goes to its end. */
export function replaceSection(page: string, heading: string, body: string): string {
  const sections = page.trimEnd().split(/^(?=## )/m);
  const text = `## ${heading}\n\n${body}\n`;
  const at = sections.findIndex((section) => section.startsWith(`## ${heading}\n`));
  if (at < 0) sections.push(text);
  else sections[at] = text;
  return `${sections.map((section) => section.trimEnd()).join('\n\n')}\n`;
}
