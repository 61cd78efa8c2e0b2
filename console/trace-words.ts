/** What TraceMessage tells, as it is on the wire. */
export interface StepWords {
  readonly step: 'accepted' | 'journaled' | 'mailed' | 'appended' | 'delivered' | 'read' | 'failed';
  readonly actor: string;
  readonly node: string;
  readonly partition: number;
  readonly at: number;
  readonly afterMs: number;
  readonly record: number;
  readonly recordBytes: number;
  readonly recordRows: number;
  readonly detail: string;
  readonly why: string;
}

export interface TraceWords {
  readonly sender: string;
  readonly id: string;
  readonly to: string;
  readonly seq: number;
  readonly steps: readonly StepWords[];
}
