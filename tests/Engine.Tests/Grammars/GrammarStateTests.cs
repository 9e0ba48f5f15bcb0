using System.Text.Json;
using Lean.Engine.Grammars;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Following a grammar token by token.</summary>
public sealed class GrammarStateTests
{
    private const string Person = """{"type":"object","properties":{"name":{"type":"string","maxLength":40},"age":{"type":"integer"}},"required":["name","age"]}""";

    private static Tokenizer Tokens => JsonSchemaTests.Tokens;

    [Theory]
    [InlineData(Person)]
    [InlineData("{}")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":7}""")]
    [InlineData("""{"type":"string","pattern":"^[a-zé]+ [^x]*$"}""")]
    [InlineData("""{"type":"array","items":{"enum":["a","ab","abc",1,12]},"maxItems":40}""")]
    public void A_mask_holds_exactly_the_tokens_that_are_accepted(string schema)
    {
        Grammar grammar = JsonSchemaTests.Compile(schema);
        var random = new Random(2);
        var mask = new uint[grammar.Vocabulary.Words];
        var state = new GrammarState(grammar);
        for (int i = 0; i < 25 && !state.IsFinal; i++)
        {
            state.FillMask(mask, []);
            var allowed = new List<int>();
            for (int token = 0; token < grammar.Vocabulary.Size; token++)
            {
                bool isAccepted = state.TryAccept(token);
                if (isAccepted)
                {
                    state.TakeBack(1);
                    allowed.Add(token);
                }

                Assert.True(isAccepted == ((mask[token >> 5] >> (token & 31) & 1) != 0), $"token {token}, step {i}, under {schema}");
            }

            Assert.True(state.TryAccept(allowed[random.Next(allowed.Count)]));
        }
    }

    [Fact]
    public void Control_tokens_are_never_allowed_and_ends_only_where_the_text_may_end()
    {
        Grammar grammar = JsonSchemaTests.Compile("""{"type":"integer"}""");
        int[] specials = [.. Tokens.AddedTokens.Values];
        Assert.True(Tokens.TryGetId("<|im_end|>", out int end));
        var state = new GrammarState(grammar);
        var mask = new uint[grammar.Vocabulary.Words];
        foreach (char c in "-12")
        {
            state.FillMask(mask, [end]);
            Assert.All(specials, s => Assert.False(Allows(s) && s != end));
            Assert.Equal(c == '2', Allows(end));
            Assert.Equal(c == '2', state.IsComplete);
            Assert.True(state.TryAccept(Token(c)));
        }

        Assert.True(state.IsComplete);
        Assert.False(state.IsFinal);
        Assert.False(state.TryAccept(Token('x')));
        Assert.True(state.IsComplete);

        bool Allows(int token) => (mask[token >> 5] >> (token & 31) & 1) != 0;
    }

    [Fact]
    public void Tokens_can_be_taken_back()
    {
        Grammar grammar = JsonSchemaTests.Compile(Person);
        GrammarState state = new(grammar), other = new(grammar);
        uint[] expected = new uint[grammar.Vocabulary.Words], found = new uint[grammar.Vocabulary.Words];
        foreach (char c in "{\"name\":\"A")
        {
            Assert.True(state.TryAccept(Token(c)) && other.TryAccept(Token(c)));
        }

        foreach (char c in "nna\",\"age\":1")
        {
            Assert.True(state.TryAccept(Token(c)));
        }

        state.TakeBack(12);
        state.FillMask(found, []);
        other.FillMask(expected, []);
        Assert.Equal(expected, found);
        Assert.Throws<ArgumentOutOfRangeException>(() => state.TakeBack(GrammarState.MostTakenBack));
    }

    [Fact]
    public void Objects_nest_as_deep_as_parsers_read()
    {
        Grammar grammar = new GrammarCache(Tokens, Tokens.VocabularySize).JsonObject();
        for (int seed = 0; seed < 40; seed++)
        {
            byte[] text = new GrammarWalk(grammar, Tokens, new Random(seed)).Complete(new GrammarState(grammar), 60);
            using JsonDocument document = JsonDocument.Parse(text);
            Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
        }

        var state = new GrammarState(grammar);
        Assert.True(state.TryAccept(Token('{')) && state.TryAccept(Token('"')) && state.TryAccept(Token('"')) && state.TryAccept(Token(':')));
        int depth = 0;
        while (state.TryAccept(Token('[')))
        {
            depth++;
        }

        Assert.InRange(depth, 32, 62);
        Assert.True(state.TryAccept(Token('1')));
    }

    [Fact]
    public void Reasoning_before_a_value_is_free_up_to_its_end()
    {
        Grammar grammar = new GrammarCache(Tokens, Tokens.VocabularySize).JsonObject(afterReasoning: true);
        Assert.True(Tokens.TryGetId("</think>", out int close));
        foreach (bool spelled in new[] { false, true })
        {
            var state = new GrammarState(grammar);
            Assert.All("so { <</thin let us see\n", c => Assert.True(state.TryAccept(Token(c))));
            Assert.False(state.IsComplete);
            if (spelled)
            {
                Assert.All("</think>", c => Assert.True(state.TryAccept(Token(c))));
            }
            else
            {
                Assert.True(state.TryAccept(close));
            }

            Assert.False(state.TryAccept(Token('x')));
            Assert.All("\n\n{}", c => Assert.True(state.TryAccept(Token(c))));
            Assert.True(state.IsFinal);
        }
    }

    [Fact]
    public void A_long_text_keeps_the_tables_small()
    {
        // Every item is at another place of the counter, so nothing is met twice.
        Grammar grammar = JsonSchemaTests.Compile("""{"type":"array","items":{"type":"string"},"maxItems":2000000}""");
        var state = new GrammarState(grammar);
        var mask = new uint[grammar.Vocabulary.Words];
        Assert.True(state.TryAccept(Token('[')));
        for (int i = 0; i < 4000; i++)
        {
            Assert.All("\"ab\",", c =>
            {
                state.FillMask(mask, []);
                Assert.True(state.TryAccept(Token(c)));
            });
            Assert.InRange(grammar.Bytes, 0, 40 << 20);
        }
    }

    [Fact]
    public void Equal_schemas_share_a_grammar()
    {
        var cache = new GrammarCache(Tokens, Tokens.VocabularySize);
        using JsonDocument one = JsonDocument.Parse(Person), other = JsonDocument.Parse(Person), third = JsonDocument.Parse("{}");
        Assert.Same(cache.JsonSchema(one.RootElement), cache.JsonSchema(other.RootElement));
        Assert.NotSame(cache.JsonSchema(one.RootElement), cache.JsonSchema(third.RootElement));
        Assert.NotSame(cache.JsonSchema(one.RootElement), cache.JsonSchema(one.RootElement, afterReasoning: true));
    }

    private static int Token(char c) => Tokens.Encode(c.ToString(), SpecialTokens.AsText) is [int token] ? token : throw new InvalidOperationException($"{c} is no token");
}
