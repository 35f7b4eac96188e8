"use strict";
// On the thread of the sound: tenths of a second as 16-bit samples, with their level.

const BLOCK = 1600;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
    this.power = 0;
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.block[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      this.power += sample * sample;
      this.filled += 1;
      if (this.filled < BLOCK) continue;
      const samples = this.block.buffer;
      this.port.postMessage({ samples, level: Math.sqrt(this.power / BLOCK) }, [samples]);
      this.block = new Int16Array(BLOCK);
      this.filled = this.power = 0;
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
