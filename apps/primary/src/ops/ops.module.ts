import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DocsController } from './docs.controller.js';
import { HealthController } from './health.controller.js';

@Module({ imports: [TerminusModule.forRoot({ logger: false })], controllers: [HealthController, DocsController] })
export class OpsModule {}
