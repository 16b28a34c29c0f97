import { Module } from '@nestjs/common';
import { CredentialsController } from './credentials.controller.js';

@Module({ controllers: [CredentialsController] })
export class SignInModule {}
