# That the controller went to zero stands in the object's status, so a new controller brings the workload back. When
# somebody raises minReplicas meanwhile, it comes back with that many.
kubernetes 1.37

hpa worker: 0 to 10 replicas of Deployment/worker
  generation 4
  external metric jobs average value 5
  scale down: window 0s
hpa status
  current replicas 0
  desired replicas 0
  observed generation 4
  last scale 10m ago
  condition AbleToScale True ReadyForNewScale "recommended size matches current size" since 20m ago
  condition ScaledToZero True ScaledToZero "the HPA controller scaled the workload to zero" since 10m ago

pods: none

at 0s
  jobs is 0
  -> stays at 0
  -> condition ScaledToZero True ScaledToZero
  -> observed generation 4
at 15s
  hpa edited: 2 to 10 replicas
  -> scales 0 to 2: "Current number of replicas below Spec.MinReplicas"
  -> condition ScaledToZero False NotScaledToZero
  -> observed generation 5
