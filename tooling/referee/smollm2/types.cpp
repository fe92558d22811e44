// What llama.cpp finds the likeliest token at each position of a text, for files of several types. It writes JSON.
// types TEXT TYPE.gguf...
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "llama.h"

static const int positions = 500;
static const int part = 100;

static void print(const std::vector<llama_token> &ids) {
    for (size_t i = 0; i < ids.size(); i++) printf("%s%d", i ? "," : "", ids[i]);
}

int main(int argc, char **argv) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    std::ifstream file(argv[1]);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    text.resize(std::min<size_t>(text.size(), 4000));

    std::vector<llama_token> ids(text.size());
    for (int at = 2; at < argc; at++) {
        llama_model *model = llama_model_load_from_file(argv[at], llama_model_default_params());
        if (!model) return 1;
        const llama_vocab *vocab = llama_model_get_vocab(model);
        if (at == 2) {
            llama_tokenize(vocab, text.data(), (int32_t)text.size(), ids.data(), (int32_t)ids.size(), false, false);
            ids.resize(positions);
            printf("{\"ids\":[");
            print(ids);
            printf("],\"types\":{");
        }
        llama_context_params params = llama_context_default_params();
        params.n_ctx = 512;
        params.n_batch = params.n_ubatch = part;
        params.n_threads = params.n_threads_batch = 1;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
        params.type_k = params.type_v = GGML_TYPE_F32;
        llama_context *context = llama_init_from_model(model, params);

        std::vector<llama_token> likeliest;
        llama_batch batch = llama_batch_init(part, 0, 1);
        for (int first = 0; first < positions; first += part) {
            batch.n_tokens = part;
            for (int i = 0; i < part; i++) {
                batch.token[i] = ids[first + i];
                batch.pos[i] = first + i;
                batch.n_seq_id[i] = 1;
                batch.seq_id[i][0] = 0;
                batch.logits[i] = 1;
            }
            if (llama_decode(context, batch) != 0) return 1;
            for (int i = 0; i < part; i++) {
                const float *row = llama_get_logits_ith(context, i);
                likeliest.push_back((llama_token)(std::max_element(row, row + llama_vocab_n_tokens(vocab)) - row));
            }
        }
        const std::string path = argv[at], name = path.substr(path.rfind('/') + 1);
        printf("%s\"%s\":[", at > 2 ? "," : "", name.substr(0, name.rfind('.')).c_str());
        print(likeliest);
        printf("]");
        llama_batch_free(batch);
        llama_free(context);
        llama_model_free(model);
    }
    printf("}}\n");
}
