import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { storageErrorFrom } from './storage-error.js';

function databaseError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('its own words', 1, 'error'), { code });
}

describe('an error of the database', () => {
  it.each([
    ['53100', 'The disk of the database is full.'],
    ['53300', 'The database has no connection left for us.'],
    ['57014', 'The database took too long.'],
    ['28P01', 'The database refused the password.'],
    ['3D000', 'There is no such database on the server.'],
    ['57P01', 'The database does not answer.'],
  ])('%s says what stands in the way', (code, message) => {
    expect(storageErrorFrom(databaseError(code))).toMatchObject({ code: 'storage_unavailable', message });
  });

  it('of the socket says that nobody answers', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(storageErrorFrom(cause)).toMatchObject({ message: 'The database does not answer.', cause });
  });

  it.each(['22P05', '23505', '42P01'])('%s stays what it is: another try would end the same', (code) => {
    const error = databaseError(code);
    expect(storageErrorFrom(error)).toBe(error);
  });
});
