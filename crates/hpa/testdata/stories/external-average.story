# The series of an external metric are added up, and each pod that is there should have its share. "There" is what the
# scale's status counts: while pods are still coming, a queue at the target asks for no more than those that came.
kubernetes 1.37

hpa worker: 1 to 10 replicas of Deployment/worker
  external metric jobs{queue in (mail, print), !dead} average value 10
  scale down: window 0s

replicas 4
pods: 2 ready, 2 pending

at 0s
  jobs is 10, 20, 15
  -> scales 4 to 5
  -> jobs shows average value 11250m
at 15s
  pods: 2 ready
  jobs is 12, 8
  -> jobs proposes 2
  -> jobs shows average value 10
  -> scales 5 to 2: "All metrics below target"
