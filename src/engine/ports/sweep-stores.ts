import type { RemovableUpload, Upload } from './request-stores.ts';

/** What workers clear away of all accounts. Requests are given nothing of it. */

/** An upload of which it is not known how much of it there is. */
export type MeasurableUpload = Pick<Upload, 'id' | 'objectKey' | 'multipartId'>;

export interface UploadSweep {
  /** Those whose objects nobody needs and nobody can write any more, the oldest first. */
  toRemove(limit: number): Promise<RemovableUpload[]>;
  removed(id: string): Promise<void>;
  /** Those of which more may have been put than was seen, those first that were looked at the longest ago. */
  toMeasure(limit: number): Promise<MeasurableUpload[]>;
  measured(id: string, bytes: number): Promise<void>;
}

export interface AnswerSweep {
  /** Forgets answers that were kept for longer than 24 hours, so many at the most. */
  forgetOld(most: number): Promise<number>;
}
