// The modules of Node.js that the runtimes have, without types of their own: `@types/node`, named by `types` in the configuration, has them.
declare module "node:*";
