/**
 * How far a socket and its connection actor know each other.
 * - `introducing`: the actor does not know the socket yet. Reading is paused; what was read already waits in `parked`.
 * - `open`: frames go straight to the actor.
 * - `parked`: a frame was not taken. Reading is paused, so TCP holds the client back; frames wait in order.
 * - `queued`: so much is under way to the actor's node that frames wait for their turn. Reading is paused, too.
 * - `reintroducing`: the actor may have lost its memory of the socket. Frames are dropped: once the actor knows the socket again
 *   it says `resync`, and the client then repeats all that was not answered. Frames kept here would only come twice.
 * - `leaving`: the socket is closed or closing; the actor does not know that yet.
 * - `gone`: the actor knows, or can't be told.
 */
export type Phase = 'introducing' | 'open' | 'parked' | 'queued' | 'reintroducing' | 'leaving' | 'gone';
