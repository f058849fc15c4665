import { pino } from 'pino';
import { readConfig } from '../../src/config.ts';
import { type Locations, openServices } from '../../src/services.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { outsideOperation } from './outside-operation.ts';

/** A worker process that has an operation with effects outside; whoever starts it also ends it. */

const { TEST_LOCATIONS = '', TEST_TARGET = '', TEST_SETTINGS = '{}' } = process.env;
const config = readConfig(JSON.parse(TEST_SETTINGS));
const log = pino({ level: 'warn' }, pino.destination(2));
const operations = [outsideOperation(TEST_TARGET)];
const services = await openServices(config, JSON.parse(TEST_LOCATIONS) as Locations, log, operations);
const workers = await startWorkers(services, config);
process.on('SIGTERM', () => {
  void workers.stop().then(async () => {
    await services.close();
    process.exit(0);
  });
});
process.stdout.write('The worker is up\n');
