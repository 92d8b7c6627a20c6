// SPDX-License-Identifier: Apache-2.0
// bdb requires leveldown (native) even for the database in memory: give it an empty module.
const Module = require('module');
const load = Module._load;
Module._load = function (name, ...rest) {
  return name === 'leveldown' ? {} : load.call(this, name, ...rest);
};
