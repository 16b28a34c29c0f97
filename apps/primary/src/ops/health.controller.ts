import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';

/** `/health`: the process lives. `/ready`: it takes requests (503 while it drains or has no model to answer with). */
@Controller()
export class HealthController {
  readonly #core: Core;
  readonly #checks: HealthCheckService;

  constructor(@Inject(CORE) core: Core, @Inject(HealthCheckService) checks: HealthCheckService) {
    this.#core = core;
    this.#checks = checks;
  }

  @Get('health')
  @HealthCheck()
  health(): Promise<HealthCheckResult> {
    return this.#checks.check([() => ({ process: { status: 'up' as const } })]);
  }

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    const checks = this.#core.readiness();
    // The metrics port says it to operators; here anybody may ask.
    const { callersAreLocal } = this.#core.access;
    return this.#checks.check(
      Object.entries(checks).map(
        ([name, check]) =>
          (): HealthIndicatorResult => ({
            [name]: {
              status: check.ok || !check.required ? 'up' : 'down',
              ...(callersAreLocal && check.detail && { detail: check.detail }),
            },
          }),
      ),
    );
  }
}
