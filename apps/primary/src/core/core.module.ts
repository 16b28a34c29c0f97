import { type DynamicModule, Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { SourceGuard } from '../access/source.guard.js';
import type { Core } from './core.js';
import { ErrorFilter } from './error.filter.js';
import { CORE } from './tokens.js';

/** Hands the parts that were built once from the configuration to every feature. */
@Global()
@Module({})
export class CoreModule {
  static with(core: Core): DynamicModule {
    return {
      module: CoreModule,
      providers: [
        { provide: CORE, useValue: core },
        { provide: APP_FILTER, useClass: ErrorFilter },
        { provide: APP_GUARD, useClass: SourceGuard },
      ],
      exports: [CORE],
    };
  }
}
