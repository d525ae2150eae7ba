package api_test

import "testing"

func TestProducts(t *testing.T) {
	w := newWorld(t)
	page := w.browser("zhangwei")
	var list struct {
		Items []struct {
			ID       string `json:"id"`
			PriceFen int64  `json:"price_fen"`
		}
	}
	page.get("/v1/products").ok(200, &list)
	if len(list.Items) != 2 || list.Items[0].ID != "huixin-ukey" || list.Items[0].PriceFen == 0 || list.Items[1].PriceFen != 0 {
		t.Errorf("%+v", list)
	}
	page.get("/v1/products/huixin-mobile").ok(200)
	page.get("/v1/products/nothing").refused(404, "product_not_offered")
	w.client().get("/v1/products").refused(401, "sign_in_required")
}
