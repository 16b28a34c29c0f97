import { Module } from '@nestjs/common';
import { BatchesController } from './batches.controller.js';
import { FilesController } from './files.controller.js';
import { FineTuningController } from './fine-tuning.controller.js';

/** Files and what is done with them, in the shapes that SDKs know. */
@Module({ controllers: [FilesController, BatchesController, FineTuningController] })
export class FilesModule {}
