/** Of a record whose `custom_id` an earlier record has too: what is told, wherever it is found out. */
export const REPEATED_ID = {
  code: 'custom_id_repeated',
  message: 'is the custom_id of an earlier record too',
} as const;
