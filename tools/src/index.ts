/**
 * What runs on a developer's machine and in CI: `npm start` and its companions (the supervisor of the platform and of
 * what it needs), `npm run check` with the boundaries of the house, and `npm test`. Nothing here is part of the product:
 * no service imports it, and it knows the services only as processes with an environment and a health address.
 */
export {};
