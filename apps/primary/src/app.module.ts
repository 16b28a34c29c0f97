import { type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/access.module.js';
import type { Core } from './core/core.js';
import { CoreModule } from './core/core.module.js';
import { FilesModule } from './jobs/files.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { OpsModule } from './ops/ops.module.js';
import { SignInModule } from './sign-in/sign-in.module.js';

/** The features in reading order. Chat itself is plain Fastify routes (chat/chat-routes.ts). */
@Module({})
export class AppModule {
  static with(core: Core): DynamicModule {
    return {
      module: AppModule,
      imports: [CoreModule.with(core), AccessModule, FilesModule, JobsModule, SignInModule, OpsModule],
    };
  }
}
