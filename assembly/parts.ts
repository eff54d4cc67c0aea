// What this build of the engine has in it: index.ts everything, lite.ts all but sequences. A constant, so that the compiler
// leaves out what is not called; and what lite leaves out it still knows when it meets it.

// @ts-ignore: IS_LITE is a global of lite.ts
export const HAS_TEXT: bool = !isDefined(IS_LITE);
