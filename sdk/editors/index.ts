// headwater/editors: remote cursors and selections drawn over an editor.

export { CursorView, type CursorViewOptions } from './cursor-view.js';
export { RemoteCursors, type CursorGeometry, type RemoteCursorsOptions } from './remote-cursors.js';
export { TextareaGeometry } from './textarea-geometry.js';
