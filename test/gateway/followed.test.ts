import t from 'tap';
import { Followed, type FollowedFrame, type Frame, type FrameTracer } from '../../gateway/followed.ts';

const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const json = '{"kind":"hello"}';
const bytes = new Uint8Array([0x81, 1, 2]);

class Follower implements FrameTracer {
  readonly frames: Frame[] = [];
  handed = 0;
  follows = true;

  came(frame: Frame): FollowedFrame | undefined {
    this.frames.push(frame);
    if (!this.follows) return undefined;
    return { context: `c${this.frames.length}`, handedOver: () => void this.handed++ };
  }

  pushed(context: string): string {
    return `after ${context}`;
  }
}

t.test('TRC: the trace before a frame is taken off, be it followed or not', async (t) => {
  for (const tracer of [undefined, new Follower()]) {
    const followed = new Followed(tracer);
    t.equal(followed.came(parent + json), json);
    followed.clear();
    const both = Buffer.concat([Buffer.from(parent), bytes]);
    t.strictSame([...(followed.came(both) as Uint8Array)], [...bytes]);
    if (tracer === undefined) continue;
    t.strictSame(
      tracer.frames.map((frame) => [frame.bytes, frame.parent]),
      [
        [json.length, parent],
        [bytes.length, parent],
      ],
    );
  }
});

t.test('what is no trace stays where it is', async (t) => {
  const followed = new Followed(new Follower());
  for (const frame of [
    json,
    '',
    parent,
    `0${json.padEnd(80)}`,
    parent.replace('-', 'x') + json,
    `11${parent.slice(2)}${json}`,
  ])
    t.equal(followed.came(frame), frame, frame);
  t.equal(followed.came(bytes), bytes);
});

t.test('one frame at a time is followed, until it is handed over or not wanted any more', async (t) => {
  const tracer = new Follower();
  const followed = new Followed(tracer);
  followed.came('one');
  followed.came('two');
  t.equal(followed.contextOf('one'), 'c1');
  t.equal(followed.contextOf('two'), undefined);
  followed.handedOver('two');
  t.equal(tracer.handed, 0);
  followed.handedOver('one');
  t.equal(tracer.handed, 1);
  t.equal(followed.contextOf('one'), undefined);
  followed.came('three');
  followed.clear();
  followed.came('four');
  t.equal(followed.contextOf('four'), 'c3');
});

t.test('the frame after a followed push is told what it may be an answer to, and only that one', async (t) => {
  const tracer = new Follower();
  tracer.follows = false;
  const followed = new Followed(tracer);
  followed.pushed(undefined, 5);
  followed.came('one');
  followed.pushed('p', 5);
  followed.came('two');
  followed.came('three');
  t.strictSame(
    tracer.frames.map(({ after }) => after),
    [undefined, 'after p', undefined],
  );
});
