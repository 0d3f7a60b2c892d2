// Declares everything that a migration can need.
export const description = {
  summary: "needs everything",
  needs: {
    tableRebuild: true,
    read: [{ table: "people", columns: ["id", "email"] }],
    insert: [{ table: "invoices", schema: "billing", columns: ["total"] }],
    update: ["people"],
    delete: ["tmp_*"],
    alter: ["people"],
    create: ["outbox_*"],
    drop: ["tmp_*"],
    rawSql: true,
    functions: ["random"],
    limits: { guest_memory: 2 ** 29, fuel: 2e12 },
  },
};

export function upgrade() {}

export function downgrade() {}
