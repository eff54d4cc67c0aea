// `headwater compact`: what a server does in the background, now and to the end. Beside a running server, too.

import { HeadwaterError } from '../sdk/core/errors.js';
import { Compaction } from './compaction.js';
import { durationMs } from './duration.js';
import { defaultLimits } from './limits.js';
import { silentLog } from './log.js';
import { openStore } from './store/open.js';

/**
 * @param retention  like 7d, 12h, 30m, 0s: younger entries stay
 * @returns a line that says what was done
 * @throws HeadwaterError `invalid_argument`, `storage_failed`, `unavailable`
 */
export async function compact(database: string, retention: string | undefined, progress: (line: string) => void): Promise<string> {
  const retentionMs = retention === undefined ? defaultLimits.retentionMs : retentionOf(retention);
  const store = await openStore(database);
  try {
    const compaction = new Compaction(store, { retentionMs, compactionCheckMs: 0 }, silentLog, () => undefined);
    const count = await compaction.compactAll(Date.now() - retentionMs, (documents) => progress(`\r${documents} documents`));
    if (count > 0) progress('\n');
    return count === 0 ? 'nothing is old enough to go\n' : `compacted the logs of ${count} documents\n`;
  } finally {
    await store.close();
  }
}

function retentionOf(text: string): number {
  const retentionMs = durationMs(text);
  if (retentionMs !== null) return retentionMs;
  throw new HeadwaterError('invalid_argument', `a retention looks like 7d, 12h or 30m, not ${text}`);
}
