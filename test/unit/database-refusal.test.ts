import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../src/adapters/postgres/refusal.ts';

const said = (code: string, message = 'as the server says it', more: object = {}) =>
  Object.assign(new postgres.PostgresError(message), { code, message, ...more });

describe('a foreign key', () => {
  it.each([
    'update or delete on table "teams" violates foreign key constraint "people_team_fkey" on table "people"',
    'Aktualisieren oder Löschen in Tabelle »teams« verletzt Fremdschlüssel-Constraint »people_team_fkey« von Tabelle »people«',
    'UPDATE ou DELETE sur la table « teams » viole la contrainte de clé étrangère « people_team_fkey » de la table « people »',
    'update lub delete na tabeli „teams” narusza klucz obcy „people_team_fkey” tabeli „people”',
  ])('that something is still pointed to: %s', (message) => {
    expect(refusalOf(said('23503', message))).toMatchObject({ kind: 'in_use' });
  });

  it.each([
    'insert or update on table "people" violates foreign key constraint "people_team_fkey"',
    'Einfügen oder Aktualisieren in Tabelle »people« verletzt Fremdschlüssel-Constraint »people_team_fkey«',
    'une instruction insert ou update sur la table « people » viole la contrainte de clé étrangère « people_team_fkey »',
  ])('that nothing is pointed to: %s', (message) => {
    expect(refusalOf(said('23503', message))).toMatchObject({ kind: 'missing' });
  });

  it('with RESTRICT, which newer servers tell apart', () => {
    expect(refusalOf(said('23001'))).toMatchObject({ kind: 'in_use' });
  });
});

describe('the columns', () => {
  it.each([
    ['Key (email)=(a@x) already exists.', ['email']],
    ['Schlüssel »(account_id, lower(email))=(…)« existiert bereits.', ['account_id', 'email']],
    ['Key ("given name", "order"::text)=(a, b) already exists.', ['order']],
    ['Key ((a || b))=(ab) already exists.', undefined],
  ])('of a key are read from %s', (detail, columns) => {
    expect(refusalOf(said('23505', '', { detail }))?.columns).toEqual(columns);
  });
});

describe('what is no fault of the data', () => {
  it.each(['40P01', '40001', '42P01', '42703', '57014', '25P02', '53100'])('%s is no refusal', (code) => {
    expect(refusalOf(said(code))).toBeNull();
  });

  it('is what is no error of the database', () => {
    expect(refusalOf(new Error('boom'))).toBeNull();
    expect(refusalOf(undefined)).toBeNull();
  });
});
