"""MMT's two transformers against transformers' BertModel, at the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import BertConfig as TheirConfig
from transformers import BertModel

from retrieval.models.bert import BertConfig
from retrieval.models.bert_tower import BERT_NAMES, BertTower
from retrieval.models.checkpoints import load_weights, to_their_names
from retrieval.models.mmt import Mmt, VideoTransformer
from retrieval.models.mmt_authors import authors_names
from retrieval.models.mmt_config import BertText, MmtConfig, mmt_msrvtt
from retrieval.models.mmt_inputs import ExpertBatch
from retrieval.models.weight_names import NameTable

Scramble = Callable[[nn.Module], None]


def twin_of(config: BertConfig) -> BertModel:
    theirs = TheirConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        max_position_embeddings=config.positions,
        type_vocab_size=config.segments,
        layer_norm_eps=config.layer_norm_epsilon,
        hidden_act="gelu",
    )
    return BertModel(theirs).eval()


def without_ids(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if "_ids" not in name}


def test_the_text_tower_equals_transformers_bert(scramble: Scramble) -> None:
    config = BertConfig(layers=3, hidden=24, heads=4, intermediate=40, vocabulary=60, positions=20)
    twin, ours = twin_of(config), BertTower(config, dropout=0.1, unread_pooler=True).eval()
    scramble(twin)
    load_weights(ours, without_ids(twin), BERT_NAMES, source="transformers")
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, 60, (4, 11), generator=generator)
    mask = torch.arange(11) < torch.tensor([11, 3, 7, 5])[:, None]

    with torch.inference_mode():
        expected = twin(input_ids=tokens, attention_mask=mask.long()).last_hidden_state[:, 0]
        torch.testing.assert_close(ours(tokens, mask), expected, rtol=0, atol=1e-5)


# Ours to BertModel's: its embeddings are those of the authors' video transformer, which has no words.
_VIDEO_NAMES = NameTable(
    {
        ours.removeprefix("video.transformer."): theirs.removeprefix("vid_bert.").replace("layer_norm", "LayerNorm")
        for ours, theirs in authors_names(()).pairs.items()
        if ours.startswith("video.")
    }
)


def test_the_video_transformer_equals_transformers_bert_over_the_summed_embeddings(scramble: Scramble) -> None:
    config: MmtConfig = replace(mmt_msrvtt(), width=32, layers=3, feed_forward=48)
    bert = BertConfig(layers=3, hidden=32, heads=4, intermediate=48, positions=32, segments=19, vocabulary=5)
    twin, ours = twin_of(bert), VideoTransformer(config).eval()
    scramble(twin)
    weights = {name: tensor for name, tensor in without_ids(twin).items() if "word_embeddings" not in name}
    load_weights(ours, weights, _VIDEO_NAMES, source="transformers")
    generator = torch.Generator().manual_seed(7)
    pooled = [torch.randn(2, 32, generator=generator) for _ in config.experts]
    features = [torch.randn(2, 4, 32, generator=generator) for _ in config.experts]
    batches = [
        ExpertBatch(
            features=those,
            positions=torch.randint(0, 32, (2, 4), generator=generator),
            mask=torch.rand(2, 4, generator=generator) < 0.6,
            pooled=those[:, 0],
            present=torch.rand(2, generator=generator) < 0.6,
        )
        for those in features
    ]

    with torch.inference_mode():
        found, of_features = ours(pooled, features, batches)
        states, types, positions, mask = _sequence(config, pooled, features, batches)
        expected = twin(
            inputs_embeds=states, token_type_ids=types, position_ids=positions, attention_mask=mask.long()
        ).last_hidden_state

    assert states.shape == (2, 1 + 7 * 5, 32)
    torch.testing.assert_close(found, expected[:, 1::5], rtol=0, atol=1e-5)
    for number, those in enumerate(of_features):
        torch.testing.assert_close(those, expected[:, 5 * number + 2 : 5 * number + 6], rtol=0, atol=1e-5)


def _sequence(
    config: MmtConfig,
    pooled: list[torch.Tensor],
    features: list[torch.Tensor],
    batches: list[ExpertBatch[torch.Tensor]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The paper's sequence: [CLS] of zeros, then [AGG] and features of each expert."""
    zeros = torch.zeros(2, 1, dtype=torch.long)
    states, types, positions, masks = [torch.zeros(2, 1, 32)], [zeros], [zeros], [zeros == 0]
    for expert, aggregated, those, batch in zip(config.experts, pooled, features, batches, strict=True):
        states += [aggregated[:, None], those]
        types.append(torch.full((2, 5), expert.type_id))
        positions += [zeros, batch.positions]
        masks += [batch.present[:, None], batch.mask]
    return torch.cat(states, 1), torch.cat(types, 1), torch.cat(positions, 1), torch.cat(masks, 1)


def test_the_papers_text_tower_has_the_weights_and_shapes_of_bert_base_cased() -> None:
    text = mmt_msrvtt().text
    assert isinstance(text, BertText)
    with torch.device("meta"):
        twin, ours = twin_of(text.bert), BertTower(text.bert, dropout=0.1, unread_pooler=True)

    theirs = {name: tensor.shape for name, tensor in without_ids(twin).items()}
    assert {name: t.shape for name, t in to_their_names(ours.state_dict(), BERT_NAMES).items()} == theirs


def test_every_weight_of_the_papers_model_has_an_authors_name() -> None:
    with torch.device("meta"):
        model = Mmt(mmt_msrvtt())

    theirs = to_their_names(model.state_dict(), authors_names(model.config.names))

    assert theirs["video_dim_reduce.scene.fc.weight"].shape == (512, 2208)
    assert theirs["vid_bert.embeddings.position_embeddings.weight"].shape == (32, 512)
    assert theirs["vid_bert.encoder.layer.3.attention.output.layer_norm.bias"].shape == (512,)
    assert theirs["text_GU.vggish.cg.batch_norm.running_var"].shape == (512,)
    assert theirs["moe_fc_txt.face.weight"].shape == (1, 768)
    assert theirs["txt_bert.encoder.layer.11.output.LayerNorm.weight"].shape == (768,)


def test_a_word_of_another_vocabulary_is_refused() -> None:
    tower = BertTower(BertConfig(layers=1, hidden=8, heads=2, intermediate=8, vocabulary=5), dropout=0.0)

    with pytest.raises(IndexError):
        tower(torch.tensor([[5]]), torch.ones(1, 1, dtype=torch.bool))
