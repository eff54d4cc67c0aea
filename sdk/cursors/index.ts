// headwater/cursors: other people's selections, colours and names, without a DOM.

export { colorOf, colors, colorsOf, nameOf } from './colors.js';
export { CursorBoard, fieldsOf, type CursorFields, type RemoteCursor } from './cursor-board.js';
export { encodeSelection, resolveSelection, type EncodedSelection, type Selection } from './selection.js';
