import type { AppError, ErrorCode } from '@plumbline/contracts';

/** What only another manifest or another policy can change. */
export const isFinal = (error: AppError): boolean => ['immutable-field', 'manifest-invalid', 'owned-by-another', 'too-large'].includes(error.code);

/** Why an object could not be written, and what to do about it. */
export function refusalOf(error: AppError): string {
  const step = nextStep(error);
  return step === undefined ? error.message : `${error.message}. ${step}`;
}

const nextSteps: Partial<Record<ErrorCode, string>> = {
  'immutable-field': 'The sync option Force=true on this object deletes it and makes it again',
  'permission-denied': "Give Plumbline's service account that right, or take the object out",
  'unknown-kind': 'Install what defines the kind, bring its CustomResourceDefinition in the same commit, or correct apiVersion and kind',
  'manifest-invalid': 'Correct the manifest',
  'too-large': 'Split it, or take out what is generated',
};

function nextStep({ code, message }: AppError): string | undefined {
  if (code === 'permission-denied' && message.includes('exceeded quota')) return "Ask for less, or raise the namespace's ResourceQuota";
  // Webhooks deny “the request” with 403, a ValidatingAdmissionPolicy denies “request” with 422.
  if (['permission-denied', 'manifest-invalid'].includes(code) && /denied (the )?request/.test(message))
    return 'An admission policy of the cluster refuses it: correct the manifest, or ask whoever keeps the policy';
  if (code === 'manifest-invalid' && /unknown field|strict decoding|field not declared/.test(message))
    return 'Correct the manifest; with the sync option Validate=false the server drops fields that it does not know';
  if (code === 'not-found' && /namespaces? "[^"]*" not found/.test(message))
    return 'Add the namespace to the manifests, or set the sync option CreateNamespace=true';
  if (code === 'owned-by-another') return undefined;
  return nextSteps[code];
}
