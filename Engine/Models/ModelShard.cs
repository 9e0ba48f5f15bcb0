using Lean.Comm;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// What one rank of a layout computes of a model. <see cref="Own"/> has the heads and widths of the rank's slices, and
/// everything else as the model has it, so layers and caches built from it are the rank's; with one rank it is the model's
/// own configuration.
/// </summary>
internal sealed record ModelShard
{
    private ModelShard(ParallelLayout layout, int rank, ModelConfig whole) => (Layout, Rank, Whole) = (layout, rank, whole);

    /// <summary>The layout.</summary>
    public ParallelLayout Layout { get; }

    /// <summary>The rank, of the world.</summary>
    public int Rank { get; }

    /// <summary>The model.</summary>
    public ModelConfig Whole { get; }

    /// <summary>The rank's heads and widths.</summary>
    public required ModelConfig Own { get; init; }

    /// <summary>The tokens whose rows of the embedding and of the LM head the rank holds.</summary>
    public required IndexRange Vocabulary { get; init; }

    /// <summary>The routed experts of which the rank holds something: with expert parallelism its own, perhaps none, otherwise all.</summary>
    public required IndexRange Experts { get; init; }

    /// <summary>Whether experts are placed whole on ranks.</summary>
    public bool PlacesExperts => Layout is { Expert: true, Ranks: > 1 } && Whole.Experts > 0;

    /// <summary>A model on one rank.</summary>
    public static ModelShard Of(ModelConfig config) => Of(config, new ParallelLayout(1, 1, expert: false), 0);

    /// <summary>A rank's part of a model.</summary>
    /// <exception cref="InputException">The model cannot be divided between the layout's ranks.</exception>
    public static ModelShard Of(ModelConfig config, ParallelLayout layout, int rank)
    {
        (int place, int ranks) = (layout.TensorRank(rank), layout.Tensor);
        bool places = layout.Expert && layout.Ranks > 1;
        (int heads, int kvHeads) = Heads("attention", config.Heads, "key/value", config.KvHeads);
        (int valueHeads, int keyHeads) = config.Mixers.Contains(MixerKind.DeltaNet)
            ? Heads("Gated DeltaNet", config.ValueHeads, "key", config.KeyHeads)
            : (config.ValueHeads, config.KeyHeads);
        return new ModelShard(layout, rank, config)
        {
            Own = ranks == 1 ? config : config with
            {
                Heads = heads,
                KvHeads = kvHeads,
                ValueHeads = valueHeads,
                KeyHeads = keyHeads,
                ExpertWidth = places ? config.ExpertWidth : Width("an expert's width", config.ExpertWidth),
                SharedWidth = Width("the shared expert's width", config.SharedWidth),
                FeedForward = Width("the dense MLP's width", config.FeedForward),
            },
            Vocabulary = Share.OfEach(config.Vocabulary, place, ranks, $"the vocabulary, {config.Vocabulary},"),
            Experts = places ? Share.Of(config.Experts, rank, layout.Ranks) : new IndexRange(0, config.Experts),
        };

        (int Members, int Groups) Heads(string what, int members, string kind, int groups)
        {
            string text = $"{what}, {members} heads on {groups} {kind} heads,";
            var share = HeadShare.Of(groups, place, ranks, text);
            return ((int)(share.Groups.Count * share.Heads(members / groups, text).Count), (int)share.Groups.Count);
        }

        int Width(string what, int width) => width == 0 ? 0 : (int)Share.OfEach(width, place, ranks, $"{what}, {width},").Count;
    }
}
