# One value for an object, and pods share it: the size is the ratio times the pods that are ready, not those wanted.
kubernetes 1.37

hpa web in shop: 1 to 10 replicas of Deployment/web
  object metric requests_per_second of networking.k8s.io/v1 Ingress/main value 2k

pods: 3 ready, 1 unready

at 0s
  requests_per_second is 3k
  -> scales 4 to 5: "Ingress metric requests_per_second above target"
  -> requests_per_second shows value 3k
  -> targets "3k/2k"
at 15s
  pods: 5 ready
  requests_per_second fails "the server is currently unable to handle the request"
  -> cannot decide
  -> event Warning FailedGetObjectMetric "unable to get metric requests_per_second on Ingress shop/main: the server is currently unable to handle the request"
