import { Packr } from 'msgpackr';

/**
 * MessagePack as the protocol speaks it: plain maps, no extension types. msgpackr's records are off, as is everything else that
 * only msgpackr would understand, so that any MessagePack library can be a client's. Whole numbers past 2^32 leave as doubles.
 */
export const msgpack = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  moreTypes: false,
  structuredClone: false,
  int64AsType: 'number',
});
