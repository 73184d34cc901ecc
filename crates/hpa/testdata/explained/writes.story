# Writes that are refused, or taken only after others.
kubernetes 1.37

hpa web in shop: 1 to 40 replicas of Deployment/web
  external metric load average value 10

pods: 4 ready
load is 60

at 0s
  scale write fails "admission webhook \"quota\" denied the request: team shop may run 5 pods of web"
  -> cannot scale 4 to 6
at 15s
  scale write conflicts 9 times "the object has been modified"
  -> cannot scale 4 to 6
at 30s
  scale write conflicts "the object has been modified"
  status write fails "etcdserver: request timed out"
  -> scales 4 to 6
