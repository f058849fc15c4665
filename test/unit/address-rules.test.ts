import { describe, expect, test } from 'vitest';
import { AddressRules } from '../../src/core/address-rules.ts';

const REFUSED = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1::8.8.8.8',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:808:808::',
  '3fff::1',
  '4000::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '',
  'nonsense',
];

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '93.184.216.34',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450:4001::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
];

describe('without anything allowed', () => {
  test.each(REFUSED)('%s is refused', (address) => {
    expect(new AddressRules(false).permits('host.example', address)).toBe(false);
    expect(new AddressRules([]).permits('host.example', address)).toBe(false);
  });

  test.each(PUBLIC)('%s is public', (address) => {
    expect(new AddressRules(false).permits('host.example', address)).toBe(true);
  });
});

describe('what is allowed', () => {
  test('all', () => {
    expect(new AddressRules(true).permits('host.example', '127.0.0.1')).toBe(true);
  });

  test.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '64:ff9b::10.1.2.3', true],
    ['10.0.0.0/8', '11.0.0.1', true],
    ['10.0.0.0/8', '192.168.0.1', false],
    ['10.0.0.0/8', 'fd00::1', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', '10.0.0.1', false],
    ['192.168.1.7', '192.168.1.7', true],
    ['192.168.1.7', '192.168.1.8', false],
    ['[fd00::7]', 'fd00::7', true],
    ['crm.internal', '10.0.0.1', true],
    ['CRM.internal', '10.0.0.1', true],
    ['internal', '10.0.0.1', false],
  ])('%s and %s: %s', (entry, address, permitted) => {
    expect(new AddressRules([entry]).permits('crm.internal', address)).toBe(permitted);
  });

  test.each([
    '10.0.0.0/33',
    '10.0.0',
    '300.1.1.1',
    'http://crm.internal',
    'crm internal',
    '',
    '*.internal',
    '/8',
  ])('%j is none', (entry) => {
    expect(() => new AddressRules([entry])).toThrow('is none of these');
  });
});
